"""Reading a YAML document so that every fault names its place."""
