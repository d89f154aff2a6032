"""What organisations use: events in, meters out."""
