"""The made-up company: the same pipeline, on data that anybody can look at.

`python -m finops.demo` starts an embedded PostgreSQL, a MongoDB wire server and the company's HTTP services on the
loopback interface, writes its cloud bills, runs the nightly pipeline on them and prints what came out of it.
Everything is a function of a name and a day, so that running it again changes no total.
"""
