"""A made-up company that runs the production pipeline on public data.

`python -m finops.demo` starts an embedded PostgreSQL, a MongoDB wire server and the company's HTTP services on the
loopback interface, writes its cloud bills, runs the nightly on them and prints the results. Every figure is a function
of a name and a day, so another run changes no total.
"""
