"""A judge of everything that is said to Stripe, or to what stands in for it.

The pinned SDK is itself a contract: its annotations name every field of every resource and every parameter of every
method, as they are at the version of the API which it asks for. So the judge reads the SDK's sources, and knows neither
our client code nor our simulator:

    sources      modules and classes of the SDK, parsed and never imported
    annotations  an annotation becomes a piece of JSON Schema
    rules        what annotations do not say: lengths, metadata, currencies, errors
    schemas      one schema per class, made when it is first needed
    operations   which parameters a method and path take, and what they answer
    forms        a form's pairs become a tree, and its text numbers and booleans, as the schema says
    validate     what is wrong with a value, by path
    events       what kind of object an event of a type carries
    traffic      one exchange over HTTP, judged whole
    client       the SDK's own HTTP clients, which have every exchange judged

A test takes the fixture ``checked_client`` and has a client whose every request and answer is judged.
"""
