-- The keys that tokens are verified with, by `kid`: keyring.json names each key's one algorithm and its file.

local crypto = require("bg.crypto")
local files = require("bg.files")
local strict_json = require("bg.strict_json")
local timestamp = require("bg.timestamp")

local find = string.find
local ipairs, type = ipairs, type

local SCHEMA = 1
local NAME = "^%w[%w._-]*$"
local MAX_KID, MAX_FILE = 64, 80

local _M = {}

local function is_name(value, most)
    return type(value) == "string" and #value <= most and find(value, NAME) ~= nil
end

local function load_key(directory, entry)
    if type(entry) ~= "table" or not is_name(entry.kid, MAX_KID) or not is_name(entry.file, MAX_FILE) then
        return nil, "an entry without a kid or a file"
    end
    local retire_at = timestamp.parse(entry.retireAt)
    if not retire_at and entry.retireAt ~= nil and entry.retireAt ~= strict_json.null then
        return nil, entry.kid .. ": retireAt is not a moment such as 2026-01-15T10:30:00Z"
    end
    local read = entry.alg == "HS256" and files.secret or files.read
    local material, err = read(directory .. "/" .. entry.file)
    if not material then
        return nil, err
    end
    local key, why = crypto.key(entry.alg, material)
    if not key then
        return nil, entry.file .. ": " .. why
    end
    key.retire_at = retire_at
    return key
end

--- The text of the keyring's index; it changes whenever a key comes or goes. nil and why not.
function _M.index(directory)
    return files.read(directory .. "/keyring.json")
end

--- Table of kid -> key (bg.crypto; with `retire_at` in seconds where it has an end) for the index `text`, or nil and
-- why: one bad key refuses the whole ring.
function _M.load(directory, text)
    local ring = strict_json.object(text)
    if not ring or ring.schema ~= SCHEMA or type(ring.keys) ~= "table" or #ring.keys == 0 then
        return nil, "keyring.json is not a key ring of schema " .. SCHEMA .. " with a key in it"
    end
    local keys = {}
    for _, entry in ipairs(ring.keys) do
        local key, why = load_key(directory, entry)
        if not key then
            return nil, why
        elseif keys[entry.kid] then
            return nil, "kid " .. entry.kid .. " is listed twice"
        end
        keys[entry.kid] = key
    end
    return keys
end

return _M
