"""Scoring of many files by one entry script: the program that runs in a scoring job's own environment.

It is started by path with the environment's Python and needs nothing but the standard library (for tables, pandas), so
it must stay free of imports from the rest of `azureml_local` and run on Python 3.7. One driver process splits the input
into mini-batches and hands them to worker processes, each of which called the script's `init()` once:

    driver.py     who gets which mini-batch; retries, time limits, dead workers, thresholds
    pool.py       worker processes as the driver sees them;  worker.py, script.py, mlflow_scorer.py: inside of one
    inputs.py, tables.py      files and the rows of tables to mini-batches
    rows.py, tally.py, report.py    results to rows, counting, what is told
    config.py     everything that the workspace says to it, as one JSON file

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-batch and reference-yaml-job-parallel.
"""
