"""A local Azure Machine Learning workspace: Azure's host names, answered on this machine.

The unmodified `az`, azure-ai-ml SDK and MLflow clients talk to it; jobs are real processes, endpoints real servers.
"""

__version__ = "1.0.0"
