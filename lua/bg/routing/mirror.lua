-- Copies of safe requests for a candidate that nobody is sent to yet: it gets warm, and its errors are seen before it
-- serves anyone. The log phase hands a request over once its client has been answered; timers send it, and throw the
-- answer away. Whatever is too much is dropped and counted: a client never waits for a copy.

local connect = require("bg.lib.connect")
local figures = require("bg.figures.figures")

local ngx = ngx
local concat, remove = table.concat, table.remove
local find, format, match = string.find, string.format, string.match
local ipairs, pairs, pcall, tonumber, type = ipairs, pairs, pcall, tonumber, type

local PHASES = { candidate = true, preview = true }
local SAFE = { GET = true, HEAD = true }
-- Of one worker.
local WAITING, FLYING = 64, 8 -- requests
local A_SECOND = 100 -- requests
local A_TIMER = 100 -- requests: what a timer has allocated is freed when it ends
local CONNECT, SEND, READ = 1000, 1000, 5000 -- milliseconds
local LONGEST = 10 -- seconds for one answer
local PIECE, MOST = 65536, 4 * 1024 * 1024 -- bytes of an answer
local LARGEST = 32768 -- bytes of a request

-- What concerns one connection, and what we say ourselves.
local OWN = {}
for name in ([[connection keep-alive proxy-connection te trailer transfer-encoding upgrade http2-settings content-length
    expect host forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto
    x-forwarded-server x-forwarded-ssl x-real-ip x-request-id
    x-deployment-version x-deployment-generation x-deployment-slot x-deployment-mirror]]):gmatch("%S+") do
    OWN[name] = true
end

local services = {} -- name -> {address, share}
local current -- the routing table in force (routing.routing_table), or nil
local queue = {}
local flying = 0
local this_second, in_this_second = 0, 0

local _M = {}

--- Begins with these settings (lib.settings); `state()` gives the routing table in force.
function _M.init(given, state)
    services, current = given.mirrors, state
end

-- Whether this state wants copies: a closed gate is closed to them as well.
local function is_wanted(state)
    return PHASES[state.phase] and not state.gate and state.slots.green.version ~= nil
end

-- Whether a copy that has waited may still be sent: its candidate may be gone, and another one be in its place.
local function is_due(one)
    local state = current()
    return state and is_wanted(state) and state.slots.green.version == one.slot.version
end

-- Whether this request is one of the share. The same for one id, so that it can be told beforehand.
local function is_drawn(id, share)
    return ngx.crc32_short(id) % 100 < share
end

-- Without a body, and nothing that is tunnelled.
local function is_safe(var)
    local length = var.content_length
    return SAFE[var.request_method] and var.bg_lasting == "" and not var.http_transfer_encoding
        and (not length or length == "" or length == "0")
end

local function add(lines, name, value)
    if type(value) == "table" then
        for _, each in ipairs(value) do
            add(lines, name, each)
        end
    elseif type(value) == "string" and not find(value, "[%c]") then
        lines[#lines + 1] = name .. ": " .. value
    end
end

-- The request as green would have got it, or nil where it cannot be one. Its cookies and its token go along: without
-- them most pages are the log-in page.
local function copy(var, version, generation)
    local uri = var.request_uri
    if not uri or find(uri, "[%c ]") then
        return nil
    end
    local lines = { var.request_method .. " " .. uri .. " HTTP/1.1" }
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
    add(lines, "X-Forwarded-Host", var.bg_host)
    add(lines, "X-Forwarded-Proto", var.bg_sent_scheme)
    add(lines, "X-Real-IP", var.remote_addr)
    add(lines, "X-Request-Id", var.request_id)
    lines[#lines + 1] = "Connection: close\r\n\r\n"
    local text = concat(lines, "\r\n")
    return #text <= LARGEST and text or nil
end

local function is_too_many()
    local second = ngx.time()
    if second ~= this_second then
        this_second, in_this_second = second, 0
    end
    in_this_second = in_this_second + 1
    return in_this_second > A_SECOND or #queue >= WAITING
end

-- Reads the answer to its end. Its status, or nil.
local function read_status(socket)
    local line = socket:receive("*l")
    local status = line and tonumber(match(line, "^HTTP/1%.%d (%d%d%d)"))
    local size, ends = 0, ngx.now() + LONGEST
    while status and size < MOST and ngx.now() < ends do
        local piece, err = socket:receiveany(PIECE)
        if not piece then
            return err == "closed" and status or nil
        end
        size = size + #piece
    end
    return status
end

local function send(one)
    local socket = ngx.socket.tcp()
    socket:settimeouts(CONNECT, SEND, READ)
    local status
    if connect(socket, one.address) and socket:send(one.text) then
        status = read_status(socket)
    end
    socket:close()
    return status
end

-- Sends what waits, one after the other.
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

--- Offers the request at hand, which `slot` (routing.routing_table) of `service` has answered, to the candidate of
-- `state`.
function _M.offer(service, slot, state, var)
    local green = state.slots.green
    if not is_wanted(state) or slot.name ~= "blue" then
        return
    end
    local to = services[service]
    if not is_safe(var) or not is_drawn(var.request_id, to.share) then
        return
    end
    local text = not is_too_many() and copy(var, green.version, format("%d", state.generation))
    if not text then
        return figures.mirrored(green, "dropped")
    end
    queue[#queue + 1] = { address = to.address, text = text, slot = green }
    start()
end

return _M
