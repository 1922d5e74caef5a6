"""COVERAGE.md: what the local workspace does, refuses and ignores; generated, so that it cannot drift.

    python -m azureml_local.coverage           write infrastructure/local/COVERAGE.md
    python -m azureml_local.coverage --check   exit 1 when the file is not what would be written

operations.py   the routing table, each route under the name of its REST operation
features.py     the curated part: features, what becomes of each, and the tests that show it
table.py        both as Markdown
"""
