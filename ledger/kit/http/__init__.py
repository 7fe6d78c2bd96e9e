"""HTTP without a domain: strict requests, ready answers, problems, pages, the edge.

edge       request ids and authentication, before routing
strict     bodies and keys, read strictly and within limits
answers    bytes encoded once
problems   every error as RFC 9457
paging     lists by cursor
fields     types that requests and answers share
describe   the OpenAPI document, completed
"""
