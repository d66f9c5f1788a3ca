"""HOT PATH: answers requests straight from the connection where everything is at hand, without the framework.

Whatever is not at hand, not plain or not well-formed goes the ordinary way, which alone says what is wrong with it:
the fast lane gives the bytes that the ordinary way would have given, or none. Reading order: `protocol`, `heads`,
`questions`, `lane`, `ready`.
"""
