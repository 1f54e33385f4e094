"""What the kernel is asked for, and in which order; and what becomes of a part when the kernel says no.

strace is the judge of the order, and its fault injection is what fails: no function of ours is replaced.
"""
