-- What routing may want to know of a request: a function for each thing, so that nothing is read before it is needed.

local at_hand = require("bg.lib.at_hand")

local lower = string.lower
local pairs, tostring, type = pairs, tostring, type

local _M = {}

local AT_HAND = {
    authorization = function() return at_hand.get("http_authorization") end,
    cookie = function() return at_hand.get("http_cookie") end,
    shown = function() return at_hand.get("bg_shown") end,
    is_lasting = function() return at_hand.has("bg_lasting") end,
    asked_version = function() return at_hand.get("http_x_deployment_version") end,
}

-- Reads `variable`, and notes that the decision about the request depends on more than these three headers.
local function further(variable)
    AT_HAND.is_looked_into = true
    return at_hand.get(variable)
end

function AT_HAND.method() return further("request_method") end
function AT_HAND.path() return further("request_uri") end
function AT_HAND.host() return further("bg_forwarded_host") end
function AT_HAND.accept() return further("http_accept") end
function AT_HAND.referer() return further("http_referer") end
function AT_HAND.mode() return further("http_sec_fetch_mode") end
function AT_HAND.destination() return further("http_sec_fetch_dest") end
function AT_HAND.site() return further("http_sec_fetch_site") end
function AT_HAND.purpose() return further("http_sec_purpose") or further("http_purpose") end
function AT_HAND.origin() return further("http_origin") end
function AT_HAND.header(header) return further(header.variable) end -- one of the settings' key_headers (lib.settings)

-- Keeps in mind which version has the session, where another one answers (routing.asked_version).
function AT_HAND.hold(version) at_hand.set("bg_held_version", version) end

--- The request at hand. `shown` is all that may decide about it without a closer look: whether it is meant to last,
-- Authorization and Cookie, in one text. `is_looked_into` is true when more of it was read than these and
-- X-Deployment-Version (routing.decision_cache); whoever begins with a request sets it to false.
_M.AT_HAND = AT_HAND

-- Of a description: what has the value of each field.
local FURTHER = {
    method = ":method", path = ":path", host = ":authority", accept = "accept", referer = "referer",
    mode = "sec-fetch-mode", destination = "sec-fetch-dest", site = "sec-fetch-site", origin = "origin",
}

local function text_of(value)
    return type(value) == "string" and value or nil
end

--- The request that `asked` describes: `{method, path, host, headers}`, or just `{authorization, cookie}`. `has_path`
-- is true where the description has a path.
function _M.described(asked)
    local headers = { authorization = text_of(asked.authorization), cookie = text_of(asked.cookie) }
    for name, value in pairs(type(asked.headers) == "table" and asked.headers or {}) do
        headers[lower(tostring(name))] = text_of(value)
    end
    local path = text_of(asked.path)
    headers[":method"], headers[":path"] = text_of(asked.method) or "GET", path or "/"
    headers[":authority"] = text_of(asked.host) or headers.host
    local one = { has_path = path ~= nil }
    local function plain(name)
        return function() return headers[name] end
    end
    local function looking(name)
        return function()
            one.is_looked_into = true
            return headers[name]
        end
    end
    one.authorization, one.cookie, one.asked_version = plain("authorization"), plain("cookie"),
        plain("x-deployment-version")
    function one.shown() return "\n" .. (headers.authorization or "") .. "\n" .. (headers.cookie or "") end
    function one.is_lasting() return false end
    for field, name in pairs(FURTHER) do
        one[field] = looking(name)
    end
    function one.header(wanted) return looking(wanted.name)() end
    function one.purpose() return looking("sec-purpose")() or headers.purpose end
    function one.hold() end
    return one
end

return _M
