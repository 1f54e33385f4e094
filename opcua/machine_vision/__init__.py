"""Every station as a vision system of OPC 40100-1 (VDMA 40100-1, release 1.0): an adapter beside the reference's nodes.

What a part of the standard would say, but nothing here does, is left out of the address space instead of answered
emptily: configuration management, transfer of files, products, step models, simulation mode.
"""
