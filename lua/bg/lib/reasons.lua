-- Why a request gets its slot: one word for each rule of routing, as the access log, /explain and the counter
-- bgctl_decisions_total call it (docs/routing.md). To ask for a word that is not here raises: modules do so when they
-- are loaded, so that a rule without a word, and without a counter, does not get as far as a request.

local error, setmetatable = error, setmetatable

local WORDS = {
    "preview", "page", "moved", "token", "pin", "session", "credential", "new", "retired", "migrated", "asked",
}

local _M = { ALL = WORDS }

for _, word in ipairs(WORDS) do
    _M[word:upper()] = word
end

return setmetatable(_M, { __index = function(_, name) error("there is no reason " .. name, 2) end })
