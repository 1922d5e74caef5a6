"""How the local workspace turns an Azure ML environment into a Python environment that processes run in.

`spec.py` reads what an environment version asks for, `plan.py` decides what that means here (interpreter,
requirements, warnings), `build.py` makes the virtual environment with uv and keeps it.
"""
