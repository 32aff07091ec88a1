-- The keys that verify session tokens, by `kid`: keyring.json names each key's one algorithm and its file, and
-- jwks.json beside it has those of identity providers (tokens.issuer_keys).

local crypto = require("bg.lib.crypto")
local files = require("bg.lib.files")
local issuer_keys = require("bg.tokens.issuer_keys")
local strict_json = require("bg.lib.strict_json")
local timestamp = require("bg.lib.timestamp")

local find, match = string.find, string.match
local ipairs, type = ipairs, type
local null = strict_json.null

local SCHEMA = 1
local ENOENT = 2 -- errno: no such file
local INDEX = "^([^%z]*)(%z?)(.*)$"
local NAME = "^%w[%w._-]*$"
local MAX_KID, MAX_FILE = 64, 80
local SIGNERS = { us = true, app = true, both = true }

local _M = {}

local function is_name(value, most)
    return type(value) == "string" and #value <= most and find(value, NAME) ~= nil
end

-- Whether `value` may stand where an entry names whom the app's tokens are from, or for.
local function is_named(value, signed_by)
    return value == nil or type(value) == "string" and value ~= "" and signed_by ~= "us"
end

-- Which tokens a key is for, `{signed_by, issuer, audience, is_short}`: who signs with it, which issuer and which
-- audience the app's tokens have to name, and whether its secret may be short. An entry that says nothing of this is
-- for our own tokens. nil and why where the entry makes no sense.
local function terms_of(entry)
    local signed_by, issuer, audience, is_short = entry.signedBy, entry.issuer, entry.audience, entry.shortSecret
    local has_secret = crypto.has_secret(entry.alg)
    if signed_by == nil then
        signed_by = "us"
    end
    if issuer == null then
        issuer = nil
    end
    if audience == null then
        audience = nil
    end
    if not SIGNERS[signed_by] then
        return nil, "signedBy is none of us, app, both"
    elseif not is_named(issuer, signed_by) then
        return nil, "issuer is not the name of an issuer of the app's tokens"
    elseif not is_named(audience, signed_by) then
        return nil, "audience is not whom the app's tokens are for"
    elseif is_short ~= nil and type(is_short) ~= "boolean" or is_short and (signed_by ~= "app" or not has_secret)
    then
        return nil, "shortSecret is for secrets that the app alone signs with"
    end
    return { signed_by = signed_by, issuer = issuer, audience = audience, is_short = is_short }
end

-- The key of one entry, or nil and why not.
local function load_key(directory, entry)
    if type(entry) ~= "table" or not is_name(entry.kid, MAX_KID) or not is_name(entry.file, MAX_FILE) then
        return nil, "an entry without a kid or a file"
    end
    local retire_at = timestamp.parse(entry.retireAt)
    if not retire_at and entry.retireAt ~= nil and entry.retireAt ~= null then
        return nil, entry.kid .. ": retireAt is not a moment such as 2026-01-15T10:30:00Z"
    end
    local terms, unclear = terms_of(entry)
    if not terms then
        return nil, entry.kid .. ": " .. unclear
    end
    local read = crypto.has_secret(entry.alg) and files.secret or files.read
    local material, err = read(directory .. "/" .. entry.file)
    if not material then
        return nil, err
    end
    local key, why = crypto.key(entry.alg, material, terms.is_short)
    if not key then
        return nil, entry.file .. ": " .. why
    end
    key.retire_at, key.signed_by = retire_at, terms.signed_by
    key.issuer, key.audience = terms.issuer, terms.audience
    return key
end

--- The text of the key ring's index, which changes whenever a key comes or goes; or nil and why not. It is that of
-- keyring.json and, after a zero byte, that of jwks.json, where there is one.
function _M.index(directory)
    local text, err = files.read(directory .. "/keyring.json")
    if not text then
        return nil, err
    end
    local fetched, missing, code = files.read(directory .. "/jwks.json")
    if not fetched and code ~= ENOENT then
        return nil, missing
    end
    return fetched and text .. "\0" .. fetched or text
end

--- A table of kid -> key (lib.crypto) for the index `text`, or nil and why not: one bad key refuses the whole ring. A
-- key without a kid is there under itself. A key has `retire_at` (seconds since the epoch) where it has an end.
-- `signed_by` says who signs with it (us, app, both), `issuer` and `audience` which issuer and audience the app's
-- tokens have to name (nil: any), `place` is its place in the ring, and `is_fetched` is true for a provider's.
function _M.load(directory, text)
    local own, has_fetched, fetched = match(text, INDEX)
    local ring = strict_json.object(own)
    if not ring or ring.schema ~= SCHEMA or type(ring.keys) ~= "table" or #ring.keys == 0 then
        return nil, "keyring.json is not a key ring of schema " .. SCHEMA .. " with a key in it"
    end
    local keys = {}
    for place, entry in ipairs(ring.keys) do
        local key, why = load_key(directory, entry)
        if not key then
            return nil, why
        elseif keys[entry.kid] then
            return nil, "kid " .. entry.kid .. " is listed twice"
        end
        key.place = place
        keys[entry.kid] = key
    end
    local why = has_fetched ~= "" and issuer_keys.add(keys, #ring.keys, fetched) or nil
    if why then
        return nil, why
    end
    return keys
end

--- A table of alg -> list of keys, in the order of the ring, for tokens that name no key.
function _M.by_alg(keys)
    local lists = {}
    for _, key in pairs(keys) do
        lists[key.alg] = lists[key.alg] or {}
        table.insert(lists[key.alg], key)
    end
    for _, list in pairs(lists) do
        table.sort(list, function(one, other) return one.place < other.place end)
    end
    return lists
end

return _M
