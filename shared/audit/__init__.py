"""The audit: one plain row per effect, sealed behind the writers into a Merkle tree that partners can check (ADR 0013).

tables     the rows, the tree's hashes, checkpoints, keys, refusals
leaves     a row as bytes, and as a hash that tells nothing of it
tree       the Merkle tree of RFC 6962 and its proofs; pure
notes      checkpoints, signed, as text of 200 bytes that anybody can keep
sealing    the lease holder that numbers rows and signs checkpoints
reading    rows, proofs and checkpoints out of the database
api        the same over HTTP, each reader with what they may see
checking   what a partner's kept file says about what the server has now; pure
refusals   who was refused what, counted per minute; unchained
"""
