"""`azureml-local run`: a workflow under act with everything it needs set up."""
