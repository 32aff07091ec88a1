-- Asks the session API, once after a start, which version each client has that keeps no pin (tokens.api_clients): the
-- proxy's own memory of them is gone with its container. It happens beside the requests, which do not wait for it;
-- while the session API is down it is tried again.

local api_clients = require("bg.tokens.api_clients")
local cjson = require("cjson.safe")
local http = require("bg.lib.http")
local names = require("bg.lib.names")
local secret_file = require("bg.lib.secret_file")

local ngx = ngx
local ipairs, pcall, type = ipairs, pcall, type
local exiting = ngx.worker.exiting

local PATH = "/_bgctl/clients"
local LIMITS = { seconds = 8, connect = 1, pause = 5, most = 1024 * 1024, needs = "body" }
local EARLY = 5 -- seconds after the start in which a client may have been drawn anew only because this was not known
local PAGES = 60 -- of a thousand clients: more than there is memory for
local DONE = "restored" -- in bg_feed, which outlives a reload as the memory does
local NONE = { [404] = true, [405] = true } -- a session API of an older release

local feed = ngx.shared.bg_feed

local settings, key_file
local began -- the time of the start
local asking = false

local _M = {}

--- Begins with these settings (lib.settings).
function _M.init(given)
    settings, began = given, ngx.time()
    key_file = secret_file.new(settings.proxy_key_file, function(text) return text end)
end

-- The answer to a request for the page after `sid`, or nil and the status that came instead.
local function ask(sid)
    key_file:poll()
    if not key_file.value then
        return nil
    end
    local answer, why = http.ask(settings.control, http.request("GET", PATH .. "?after=" .. sid, {
        "Host: " .. settings.control, "Authorization: Bearer " .. key_file.value,
    }), LIMITS)
    local page = answer and not why and answer.status == 200 and cjson.decode(answer.body)
    return type(page) == "table" and type(page.clients) == "table" and page or nil, answer and answer.status
end

local function take(rows, now, is_early)
    for _, row in ipairs(rows) do
        local name, version, age = names.remembered(row[1]), row[2], row[3]
        local exp = now - age + settings.active_window
        if name and names.is_version(version) and exp > now then
            api_clients.restore(name, version, now - age, exp, now, is_early)
        end
    end
end

-- Whether there is nothing more to ask for.
local function restore(now)
    local sid = ""
    for _ = 1, PAGES do
        local page, status = ask(sid)
        if not page then
            return NONE[status] or false
        end
        take(page.clients, now, now - began <= EARLY)
        sid = page.next
        if type(sid) ~= "string" then
            return true
        end
    end
    return true
end

--- Runs at the start and once a second; does nothing when it has been done.
function _M.tick()
    if asking or ngx.worker.id() ~= 0 or exiting() or feed:get(DONE) then
        return
    end
    asking = true
    local ok, done = pcall(restore, ngx.time())
    asking = false
    if not ok then
        ngx.log(ngx.ERR, "clients: ", done)
    elseif done then
        feed:set(DONE, true)
    end
end

return _M
