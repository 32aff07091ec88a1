-- What routing may want to know of a request: a function for each thing, so that nothing is read before it is needed.

local ngx = ngx
local lower = string.lower
local pairs, tostring, type = pairs, tostring, type

local _M = {}

--- The request at hand.
_M.AT_HAND = {
    authorization = function() return ngx.var.http_authorization end,
    cookie = function() return ngx.var.http_cookie end,
    method = function() return ngx.var.request_method end,
    path = function() return ngx.var.request_uri end,
    host = function() return ngx.var.bg_forwarded_host end,
    accept = function() return ngx.var.http_accept end,
    referer = function() return ngx.var.http_referer end,
    mode = function() return ngx.var.http_sec_fetch_mode end,
    destination = function() return ngx.var.http_sec_fetch_dest end,
    site = function() return ngx.var.http_sec_fetch_site end,
    purpose = function() return ngx.var.http_sec_purpose or ngx.var.http_purpose end,
    origin = function() return ngx.var.http_origin end,
    asked_version = function() return ngx.var.http_x_deployment_version end,
    header = function(header) return ngx.var[header.variable] end, -- one of the settings' key_headers (lib.settings)
    -- Keeps in mind which version has the session, where another one answers (routing.asked_version).
    hold = function(version) ngx.var.bg_held_version = version end,
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
    local function header(name)
        return function() return headers[name] end
    end
    local method, path = text_of(asked.method) or "GET", text_of(asked.path)
    local host = text_of(asked.host) or headers.host
    return {
        has_path = path ~= nil,
        method = function() return method end,
        path = function() return path or "/" end,
        host = function() return host end,
        authorization = header("authorization"), cookie = header("cookie"), accept = header("accept"),
        referer = header("referer"), mode = header("sec-fetch-mode"), destination = header("sec-fetch-dest"),
        site = header("sec-fetch-site"), origin = header("origin"),
        asked_version = header("x-deployment-version"),
        header = function(wanted) return headers[wanted.name] end,
        hold = function() end,
        purpose = function() return headers["sec-purpose"] or headers.purpose end,
    }
end

return _M
