"""Estimators around scikit-learn: ``Ensemble`` and the named candidates. Its modules import scikit-learn at once."""
