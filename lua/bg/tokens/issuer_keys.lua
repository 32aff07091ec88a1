-- The keys of identity providers: bgctl has fetched and checked them, and writes them to jwks.json. They are for the
-- app's own tokens, and never for ours. session_api/keys/issuer_keys.py reads the same file.

local crypto = require("bg.lib.crypto")
local strict_json = require("bg.lib.strict_json")
local timestamp = require("bg.lib.timestamp")

local find = string.find
local ipairs, type = ipairs, type
local null = strict_json.null

local SCHEMA = 1
local KID = "^[\32-\126]+$"
local MAX_KID = 256

local _M = {}

local function given(value)
    if value == null then
        return nil
    end
    return value
end

local function is_name(value)
    return value == nil or type(value) == "string" and value ~= ""
end

local function is_kid(value)
    return value == nil or type(value) == "string" and #value <= MAX_KID and find(value, KID) ~= nil
end

-- The key of one entry, or nil and why not.
local function load_key(entry, source)
    if type(entry) ~= "table" or type(entry.public) ~= "string" or not is_kid(given(entry.kid)) then
        return nil, "a key without its public half, or with a kid that is none"
    end
    local retire_at = timestamp.parse(entry.retireAt)
    if not retire_at and given(entry.retireAt) ~= nil or not timestamp.parse(entry.seenAt) then
        return nil, "a key with a moment that is none"
    elseif crypto.has_secret(entry.alg) then
        return nil, "a secret"
    end
    local key, why = crypto.key(entry.alg, entry.public)
    if not key then
        return nil, why
    end
    key.kid, key.retire_at = given(entry.kid), retire_at
    key.signed_by, key.issuer, key.audience = "app", given(source.issuer), given(source.audience)
    key.is_fetched = true
    return key
end

-- Adds the keys of one source; returns the place of the last key, or nil and why it is refused.
local function add_source(keys, place, source)
    if type(source) ~= "table" or type(source.name) ~= "string" or source.name == "" or type(source.keys) ~= "table"
        or not is_name(given(source.issuer)) or not is_name(given(source.audience))
    then
        return nil, "a source without a name or keys, or with an issuer or audience that is none"
    end
    for _, entry in ipairs(source.keys) do
        local key, why = load_key(entry, source)
        if not key then
            return nil, source.name .. ": " .. why
        end
        place = place + 1
        key.place = place
        local name = key.kid or key -- no token names a table
        keys[name] = keys[name] or key -- of two keys with one name ours counts, else the first
    end
    return place
end

--- Adds the keys in `text`, that of jwks.json, to `keys` (tokens.keyring), whose last key has `place`. Returns nil, or
-- why they are refused, all of them.
function _M.add(keys, place, text)
    local found = strict_json.object(text)
    if not found or found.schema ~= SCHEMA or type(found.sources) ~= "table" then
        return "jwks.json is not a list of keys of schema " .. SCHEMA
    end
    for _, source in ipairs(found.sources) do
        local why
        place, why = add_source(keys, place, source)
        if not place then
            return "jwks.json: " .. why
        end
    end
end

return _M
