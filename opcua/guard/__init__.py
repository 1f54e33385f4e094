"""What stands between asyncua and the plant's network.

Asyncua 2.1 buffers what strangers send without a bound, lets everybody in who leaves the certificate away, lets one
client end another's subscriptions, and takes any publishing interval. Each file here closes some of that, by deriving
from asyncua's classes; where it calls into them, a comment says what for.
"""
