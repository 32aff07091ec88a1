-- The two slots of a service.

local _M = {}

--- Their names, in the order in which they are shown.
_M.SLOTS = { "blue", "green" }

--- The other slot's name, by a slot's name.
_M.OTHER = { blue = "green", green = "blue" }

return _M
