-- The keys that tokens are verified with, by `kid`: keyring.json names each key's one algorithm and its file.

local crypto = require("bg.crypto")
local files = require("bg.files")
local strict_json = require("bg.strict_json")

local find = string.find
local ipairs, type = ipairs, type

local SCHEMA = 1
local NAME = "^%w[%w._-]*$"

local _M = {}

local function is_name(value)
    return type(value) == "string" and #value <= 80 and find(value, NAME) ~= nil
end

local function load_key(directory, entry)
    if type(entry) ~= "table" or not is_name(entry.kid) or not is_name(entry.file) then
        return nil, "an entry without a kid or a file"
    end
    local read = entry.alg == "HS256" and files.secret or files.read
    local material, err = read(directory .. "/" .. entry.file)
    if not material then
        return nil, err
    end
    local key, why = crypto.key(entry.alg, material)
    return key, why and entry.file .. ": " .. why
end

--- The text of the keyring's index; it changes whenever a key comes or goes. nil and why not.
function _M.index(directory)
    return files.read(directory .. "/keyring.json")
end

--- Table of kid -> key (bg.crypto) for the index `text`, or nil and why: one bad key refuses the whole ring.
function _M.load(directory, text)
    local ring = strict_json.object(text)
    if not ring or ring.schema ~= SCHEMA or type(ring.keys) ~= "table" then
        return nil, "keyring.json is not a key ring of schema " .. SCHEMA
    end
    local keys = {}
    for _, entry in ipairs(ring.keys) do
        local key, why = load_key(directory, entry)
        if not key then
            return nil, why
        end
        keys[entry.kid] = key
    end
    return keys
end

return _M
