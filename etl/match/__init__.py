"""Record linkage: candidates, scores, judgements, clusters, identities."""
