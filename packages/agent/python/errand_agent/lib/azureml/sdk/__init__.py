"""Another spelling of `azureml_sdk`."""
from azureml_sdk import current_run, data_collector

__all__ = ['current_run', 'data_collector']
