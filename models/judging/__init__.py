"""How good a ranker is: ranking metrics, off-policy estimates, certificates, the gate."""
