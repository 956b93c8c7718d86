"""Fresh machines, made from Debian's packages alone: ``./lab machines``.

Runs on the controller, or on a server to which the role ``fresh_machines`` brings it, and needs
nothing but Python. Imports run only down this list::

    __main__            the commands
    lifecycle           up, stop, down, reset: what must be done, under one lock
    inventory capacity  what Ansible reads; what this host has left
    backends            which there are
    incus qemu docker_engine
    container           how the user of a container is let in, and how ssh comes
    disk                a file system for virtual machines
    debian              base systems, as tar files
    place               files: records, keys, locks
    model arguments ports   Machine, Limits, Connection, Backend; a command line; free ports
"""
