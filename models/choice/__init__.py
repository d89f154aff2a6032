"""Choice models on any choice sets: conditional logit, boosted rankers, their likelihoods."""
