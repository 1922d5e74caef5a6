"""`azureml-local run`: a workflow under act with everything it needs set up.

command.py                 the command, top to bottom; demo.py runs several and puts their results together
workflow_file.py           reading workflow files
calls.py                   what GitHub checks of a call before anything starts, and act does not
repositories.py            which folder stands for each remote action; checkouts.py: and for each checkout
job_environments.py        GitHub's environments, put into the copies of the files that act is given
environment_step.py        a job asks whether it may go on; reviews.py answers, id_tokens.py says who the job is then
act.py, watch.py           act itself, and the workspace while it runs
records.py, terminal.py    what act said: kept, and shown live; summary_text.py: job summaries for people
facts.py, in_process.py    what workspace and model say themselves, beside which the demo puts the results
stand_ins/                 for actions that act would have to download: checkout, upload-artifact, azure/login …
"""
