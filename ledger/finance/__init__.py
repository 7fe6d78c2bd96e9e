"""Files for finance: what stands in the books, streamed, with sums that a reader can check.

journal     the file's records, from postings (pure)
spreadsheet text that no spreadsheet runs as a formula (pure)
export      pages of postings below one snapshot
api         /v1/finance
"""
