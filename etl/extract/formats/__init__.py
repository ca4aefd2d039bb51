"""One reader per format: a delivered file in, batches of text columns out."""
