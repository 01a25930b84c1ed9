"""A strict stand-in for Tencent Cloud's scf, cam, sts, tag and mps services, for tests on loopback.

`signature` and `schema` guard the door, `cloud` holds the state, one module per service acts on it,
`respell` distorts what is read back the way the real platform does, `faults` breaks calls on demand,
`server` speaks HTTP. Standard library only; it shares no code with what it judges.
"""
