-- What nginx calls where the proxy answers by itself: the link of a preview, what load balancers ask, and requests that
-- were refused or that no slot has answered.

local at_hand = require("bg.lib.at_hand")
local bodies = require("bg.limits.bodies")
local checks = require("bg.health.checks")
local error_page = require("bg.gate.error_page")
local inflight = require("bg.workers.inflight")
local lineage = require("bg.routing.lineage")
local preview_link = require("bg.tokens.preview_link")
local readiness = require("bg.node.readiness")
local router = require("bg.routing.router")
local signed_cookies = require("bg.tokens.signed_cookies")

local ngx = ngx
local match = string.match
local tonumber = tonumber

local _M = {}

--- content_by_lua of the link that `bgctl preview` prints: sets the cookie, and leads on to the page.
function _M.preview()
    if ngx.var.request_method ~= "GET" then
        ngx.header.Allow = "GET"
        return ngx.exit(405)
    end
    local query, now = ngx.req.get_uri_args(10), ngx.time()
    local ask = { token = query.token, to = query.to, is_end = query["end"] ~= nil }
    local known, reason
    if not ask.is_end then
        known, reason = signed_cookies.preview_link(ask.token, now, function(identity)
            return router.routing() ~= nil and lineage.slot_of_same(router.routing(), identity) ~= nil
        end)
    end
    local given = preview_link.answer(router.settings, ask, known, reason, now)
    ngx.status = given.status
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Set-Cookie"], ngx.header.Location = given.cookie, given.location
    ngx.header["Content-Type"] = "text/plain; charset=utf-8"
    ngx.print(given.text and given.text .. "\n" or "")
end

--- content_by_lua of the path where load balancers ask whether to send this node traffic ([proxy] balancer_path): 200
-- where they should, else 503, each with a word.
function _M.node()
    local method = ngx.var.request_method
    if method ~= "GET" and method ~= "HEAD" then
        ngx.header.Allow = "GET, HEAD"
        return ngx.exit(405)
    end
    local why_not = readiness.why_not()
    local text = (why_not or "ready") .. "\n"
    ngx.status = why_not and 503 or 200
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Content-Type"] = "text/plain; charset=utf-8"
    ngx.header["Content-Length"] = #text
    ngx.print(text)
end

-- The errors with which nginx itself has refused a request, by the status that it gave.
local REFUSED = { [400] = "malformed", [413] = "large_body", [431] = "large_request_headers" }

-- Whether the server that was asked last has sent more than there is room for before its headers were over.
local function are_headers_too_large(var)
    local received = tonumber(match(var.upstream_bytes_received or "", "(%d+)$"))
    return received ~= nil and received >= router.settings.header_size
end

--- content_by_lua of a request that nginx has refused, or that no slot has answered, or not in time.
function _M.unavailable()
    local var, status, number = ngx.var, ngx.status, at_hand.number()
    bodies.leave(number) -- no more of its body is read
    if REFUSED[status] then
        return error_page.send(REFUSED[status])
    elseif status == 429 then
        return error_page.send("limited", router.settings.limit_wait)
    elseif status == 503 then
        return error_page.send("busy", var.bg_retry_after)
    end
    local retry_after = var.bg_retry_after
    local maybe_done = retry_after == ""
    if status == 502 and are_headers_too_large(var) then
        return error_page.send("large_answer_headers", "", maybe_done)
    end
    if inflight.has(number) then -- the request was meant for a slot
        checks.hurry()
    end
    if status == 504 then
        return error_page.send("timeout", "", maybe_done)
    end
    return error_page.send("unavailable", retry_after, maybe_done)
end

return _M
