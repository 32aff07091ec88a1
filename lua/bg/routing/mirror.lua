-- Sends copies of safe requests to a candidate that serves nobody yet: the candidate gets warm, and its errors show
-- before they reach anyone. The log phase offers a request once its client has been answered; timers send the copies,
-- and throw the answers away. What is too much is dropped and counted: no client ever waits for a copy.

local figures = require("bg.figures.figures")
local http = require("bg.lib.http")
local replicas = require("bg.routing.replicas")

local ngx = ngx
local remove = table.remove
local find, format = string.find, string.format
local ipairs, pairs, pcall, type = ipairs, pairs, pcall, type

local PHASES = { candidate = true, preview = true }
local SAFE = { GET = true, HEAD = true }
-- Bounds for one worker, in copies: that wait, that are sent at a time, that are taken in a second. A timer sends only
-- so many, because what it has allocated is freed when it ends.
local WAITING, FLYING = 64, 8
local A_SECOND = 100
local A_TIMER = 100
-- Seconds and bytes of one answer, which is read to its end and thrown away.
local LIMITS = { seconds = 10, connect = 1, pause = 5, most = 4 * 1024 * 1024, piece = 65536, needs = "end" }
local LARGEST = 32768 -- bytes of a copy

-- Headers that concern one connection only, and those that the proxy sets itself: they are not copied.
local OWN = {}
for name in ([[connection keep-alive proxy-connection te trailer transfer-encoding upgrade http2-settings content-length
    expect host forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto
    x-forwarded-server x-forwarded-ssl x-real-ip x-request-id
    x-deployment-version x-deployment-generation x-deployment-slot x-deployment-mirror]]):gmatch("%S+") do
    OWN[name] = true
end

local services = {} -- name -> {address, share}
local current -- function: the routing table in force (routing.routing_table), or nil
local queue = {} -- copies that wait, `{address, text, slot}`
local flying = 0 -- timers at work
local this_second, in_this_second = 0, 0 -- the present second, and how many copies were offered in it

local _M = {}

--- Begins with these settings (lib.settings). `routing()` gives the routing table in force, or nil.
function _M.init(given, routing)
    services, current = given.mirrors, routing
end

--- Whether copies are wanted now. A gate that is closed to requests is closed to copies as well.
function _M.is_wanted(routing)
    return PHASES[routing.phase] and not routing.gate and routing.slots.green.version ~= nil
end

-- Whether a copy that has waited may still be sent: there may be another candidate by now, or none.
local function is_due(one)
    local routing = current()
    return routing and _M.is_wanted(routing) and routing.slots.green.version == one.slot.version
end

-- Whether a request with this id is one of the share (in percent). The answer is always the same for one id, so that
-- tests know it beforehand.
local function is_drawn(id, share)
    return ngx.crc32_short(id) % 100 < share
end

-- Whether a request may be sent twice: its method is safe, it has no body, and it is not tunnelled.
local function is_safe(var)
    local length = var.content_length
    return SAFE[var.request_method] and var.bg_lasting == "" and not var.http_transfer_encoding
        and (not length or length == "" or length == "0")
end

-- Adds a header, of one value or of a list of them. A value with control characters is left out.
local function add(lines, name, value)
    if type(value) == "table" then
        for _, each in ipairs(value) do
            add(lines, name, each)
        end
    elseif type(value) == "string" and not find(value, "[%c]") then
        lines[#lines + 1] = name .. ": " .. value
    end
end

-- The request as green would have got it, or nil where it cannot be copied. Cookies and token go along: without them
-- most pages are the log-in page.
local function copy(var, version, generation)
    local uri = var.request_uri
    if not uri or find(uri, "[%c ]") then
        return nil
    end
    local lines = {}
    add(lines, "Host", var.bg_host)
    for name, value in pairs(ngx.req.get_headers(0)) do
        if not OWN[name] and find(name, "^[%w_-]+$") then
            add(lines, name, value)
        end
    end
    add(lines, "X-Deployment-Version", version)
    add(lines, "X-Deployment-Generation", generation)
    add(lines, "X-Deployment-Slot", "green")
    add(lines, "X-Deployment-Mirror", "1")
    add(lines, "X-Forwarded-For", var.remote_addr)
    add(lines, "X-Forwarded-Host", var.bg_forwarded_host)
    add(lines, "X-Forwarded-Port", var.bg_forwarded_port)
    add(lines, "X-Forwarded-Proto", var.bg_sent_scheme)
    add(lines, "X-Real-IP", var.remote_addr)
    add(lines, "X-Request-Id", var.request_id)
    local text = http.request(var.request_method, uri, lines)
    return #text <= LARGEST and text or nil
end

-- Whether too many copies wait, or were offered in this second.
local function is_too_many()
    local second = ngx.time()
    if second ~= this_second then
        this_second, in_this_second = second, 0
    end
    in_this_second = in_this_second + 1
    return in_this_second > A_SECOND or #queue >= WAITING
end

-- The status of the answer to a copy, or nil where there was none. An answer that is too long, or that is cut short by
-- the app, has come all the same.
local function send(one)
    local answer, _, is_fault = http.ask(one.address, one.text, LIMITS)
    return answer and not is_fault and answer.status or nil
end

-- Sends the copies that wait, one after the other.
local function work(premature)
    local done = 0
    while #queue > 0 and done < A_TIMER do
        local one = remove(queue, 1)
        if premature or not is_due(one) then
            figures.mirrored(one.slot, "dropped")
        else
            local ok, status = pcall(send, one)
            figures.mirrored(one.slot, ok and status or "failed")
        end
        done = done + 1
    end
end

local start

-- What a timer does. It starts another one where more waits than one timer may send.
local function fly(premature)
    local ok, err = pcall(work, premature)
    flying = flying - 1
    if ngx.worker.exiting() then
        figures.fold()
    end
    if not ok then
        ngx.log(ngx.ERR, "mirror: ", err)
    elseif #queue > 0 then
        start()
    end
end

function start()
    if flying < FLYING and ngx.timer.at(0, fly) then
        flying = flying + 1
    end
end

--- Offers the request at hand, which `slot` (routing.routing_table) of `service` has answered, to the candidate in
-- `routing`. `var` are nginx's variables.
function _M.offer(service, slot, routing, var)
    local green = routing.slots.green
    if not _M.is_wanted(routing) or slot.name ~= "blue" or routing.unchanged[service] then
        return
    end
    local to = services[service]
    if not is_safe(var) or not is_drawn(var.request_id, to.share) then
        return
    end
    local text = not is_too_many() and copy(var, green.version, format("%d", routing.generation))
    if not text then
        return figures.mirrored(green, "dropped")
    end
    local address = replicas.address(service, "green") or to.address
    queue[#queue + 1] = { address = address, text = text, slot = green }
    start()
end

return _M
