-- The keys that tokens are verified with, by `kid`: keyring.json names each key's one algorithm and its file.

local crypto = require("bg.crypto")
local files = require("bg.files")
local strict_json = require("bg.strict_json")

local find, match = string.find, string.match
local floor = math.floor
local ipairs, tonumber, type = ipairs, tonumber, type

local SCHEMA = 1
local NAME = "^%w[%w._-]*$"

local _M = {}

local function is_name(value)
    return type(value) == "string" and #value <= 80 and find(value, NAME) ~= nil
end

-- Days since 1970-01-01 of a day of the Gregorian calendar, counted in years that begin in March.
local function days(year, month, day)
    if month <= 2 then
        year, month = year - 1, month + 12
    end
    return 365 * year + floor(year / 4) - floor(year / 100) + floor(year / 400)
        + floor((153 * month - 457) / 5) + day - 719469
end

-- Seconds since the epoch of `text` as bgctl writes moments (RFC 3339 in UTC), or nil.
local function moment(text)
    if type(text) ~= "string" then
        return nil
    end
    local year, month, day, hour, minute, second = match(text, "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)Z$")
    if not year then
        return nil
    end
    return days(tonumber(year), tonumber(month), tonumber(day)) * 86400 + hour * 3600 + minute * 60 + second
end

local function load_key(directory, entry)
    if type(entry) ~= "table" or not is_name(entry.kid) or not is_name(entry.file) then
        return nil, "an entry without a kid or a file"
    end
    local retire_at = moment(entry.retireAt)
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
