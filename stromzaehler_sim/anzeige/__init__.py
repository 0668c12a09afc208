"""The face of the meter: what it shows, how it is operated, and its skins.

`bedienung` is the pure state machine of button and torch, `einstellungen` what of it survives a power cut,
`messstand` reads the meter's folder, `gesicht` makes of both the frozen description of everything that is lit.
`svg`, `terminal` and `text` draw that description and know nothing else; `optisch` is the data set of the optical
port.
"""
