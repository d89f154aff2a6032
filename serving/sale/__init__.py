"""The catalogue on sale, its stored versions, and the check before it is published."""
