"""Imports of facts from files: readers that turn each format into records, and the engine that takes records over.

Reading order: `records` (what a file says), `streams` and `json_rows` (bytes to rows), `values` (shares, moments,
codes), one reader a format (`own_csv`, `own_json`, `bods`, `gleif`, `ftm`), `batches` and `seen` (what is taken over
together, what was said before), `staging` (records into the database), `journal` (how far an import has come),
`engine` (one import from its beginning to its end), `examination` (what to look at then).
"""
