-- Large request bodies, on their way into /tmp: how much room they take together, how much of it one client has, and
-- until when each must be whole. Decision record 37 says why.

local disk = require("bg.limits.disk")
local semaphore = require("ngx.semaphore")
local workers = require("bg.workers.workers")

local ngx = ngx
local spawn, kill = ngx.thread.spawn, ngx.thread.kill
local next, pairs, ipairs, tonumber = next, pairs, ipairs, tonumber
local sub = string.sub
local exiting = ngx.worker.exiting

local FOLDER = "/tmp"
local LOOK = 1 -- seconds
local MAPPED = ("\0"):rep(10) .. "\255\255" -- RFC 4291, section 2.5.5.2
local LONG = 1000000 -- seconds: more than any body may take

local dict = ngx.shared.bg_bodies -- bytes by worker, and by worker and client: what a dead one held is not counted
local entries = {}
local settings, room
local last = 0
local looking = false -- a worker that is leaving, at its bodies

local _M = {}

--- Begins, before the workers do.
function _M.init(given)
    settings = given
end

--- Begins in a worker.
function _M.init_worker()
    room = disk.size(FOLDER)
    dict:delete(ngx.worker.pid())
end

--- Whose an address (as nginx has it, in bytes) is: who has one of IPv6 has a network of 64 bits. A listener of both
-- families writes those of IPv4 as such of IPv6.
function _M.client_of(address)
    if #address ~= 16 then
        return address
    end
    return sub(address, 1, 12) == MAPPED and sub(address, 13) or sub(address, 1, 8)
end

local function add(key, bytes)
    local sum = (dict:get(key) or 0) + bytes
    if sum > 0 then
        dict:set(key, sum)
    else
        dict:delete(key)
    end
end

local function count(client, bytes)
    local pid = ngx.worker.pid()
    add(pid, bytes)
    add(pid .. " " .. client, bytes)
end

-- Bytes that are promised to all clients, and to this one.
local function promised(client)
    local all, own = 0, 0
    for _, worker in ipairs(workers.list()) do
        all = all + (dict:get(worker.pid) or 0)
        own = own + (dict:get(worker.pid .. " " .. client) or 0)
    end
    return all, own
end

--- Why a body of `bytes` is refused while `all` are promised of `size`, `own` of them to the same client; nil: it is
-- not. Half of what is free stays free, so that there is always room for what is smaller.
function _M.refusal(bytes, all, own, size)
    if all == 0 then
        return nil
    elseif own > 0 and own + bytes > size / 2 then
        return "share"
    elseif bytes > (size - all) / 2 then
        return "room"
    end
end

--- Seconds in which a body of `bytes` must be whole.
function _M.seconds(bytes, given)
    return given.client_timeout + bytes / given.min_rate
end

local function refused_at_once(bytes, client)
    if room then
        local all, own = promised(client)
        return _M.refusal(bytes, all, own, room)
    end
end

-- The request's number among the open ones (workers.inflight) is its name here; one that has none gets one.
local function name_of(var)
    if var.bg_open == "" then
        last = last + 1
        var.bg_open = "body:" .. last
    end
    return var.bg_open
end

--- Takes the body of the request at hand in. nil when it is whole, else the name of the notice (gate.error_page) that
-- says why it is not taken.
function _M.take_in()
    local whole, woken = false, semaphore.new()
    local reader = spawn(function()
        ngx.req.read_body()
        whole = true
        woken:post()
    end)
    if whole then
        return nil
    end
    local var = ngx.var
    local client = _M.client_of(var.binary_remote_addr)
    local bytes = tonumber(var.http_content_length) or settings.max_body
    local entry = { refused = refused_at_once(bytes, client) }
    entries[name_of(var)] = entry
    if not entry.refused then
        entry.client, entry.bytes, entry.woken = client, bytes, woken
        entry.ends = ngx.now() + _M.seconds(bytes, settings)
        count(client, bytes)
        if exiting() and not looking then -- the last tick was over before
            ngx.timer.at(0, _M.tick)
        end
        woken:wait(LONG)
        entry.woken = nil
        entry.refused = not whole and "slow" or nil
    end
    if entry.refused then
        kill(reader)
    end
    return entry.refused
end

--- The request that `name` ($bg_open) stands for keeps no body any more. Whether it was refused for its body, and
-- whether the name was given here.
function _M.leave(name)
    local entry = entries[name]
    if not entry then
        return false, false
    end
    if entry.bytes then
        count(entry.client, -entry.bytes)
        entry.bytes, entry.woken = nil, nil
    end
    return entry.refused ~= nil, sub(name, 1, 5) == "body:"
end

--- The request is over. As leave().
function _M.over(name)
    local is_refused, is_ours = _M.leave(name)
    if name then
        entries[name] = nil
    end
    return is_refused, is_ours
end

-- A timer of the request's own would go off in whatever the request has become: nginx may have answered an error
-- meanwhile. Those have left, and are not woken.
local function wake_the_late()
    local now = ngx.now()
    for _, entry in pairs(entries) do
        if entry.woken and entry.ends < now then
            entry.woken:post()
        end
    end
end

--- Each second. In a worker that is leaving this is the last time: it goes on by itself, for as long as there are any.
function _M.tick()
    wake_the_late()
    while exiting() and next(entries) do
        looking = true
        ngx.sleep(LOOK)
        wake_the_late()
    end
    looking = false
end

return _M
