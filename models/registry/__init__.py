"""Trained rankers kept: MLflow runs, bundles, reports, promotions."""
