"""The API's description, as a document and as a page that needs no network."""
