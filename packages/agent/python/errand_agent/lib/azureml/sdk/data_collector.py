"""Another spelling of `azureml_sdk.data_collector`."""
from azureml_sdk import current_run

__all__ = ['current_run']
