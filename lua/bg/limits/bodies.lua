-- Takes in large request bodies, on their way into /tmp: bounds how much room they take together and how much of it one
-- client gets, and says until when each body must be whole. Decision record 37 says why.

local at_hand = require("bg.lib.at_hand")
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
local LONG = 1000000 -- seconds: longer than any body may take

-- Promised bytes by worker, and by worker and client, so that those of a dead worker do not count.
local dict = ngx.shared.bg_bodies
local entries = {} -- bodies of this worker, by the request's number (lib.at_hand)
local settings
local room -- bytes of the file system in which bodies wait, nil where that is not known
local looking = false -- whether tick() goes on by itself, in a worker that is leaving

local _M = {}

--- Begins with these settings (lib.settings), before there are workers.
function _M.init(given)
    settings = given
end

--- Begins in a worker.
function _M.init_worker()
    room = disk.size(FOLDER)
    dict:delete(ngx.worker.pid())
end

--- The client to which an address (in bytes, as nginx has it) belongs: all addresses of an IPv6 network of 64 bits are
-- one client's. A listener of both families has IPv4 addresses in IPv6 form; those are taken for what they are.
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

-- How many bytes are promised to all clients, and to this one.
local function promised(client)
    local all, own = 0, 0
    for _, worker in ipairs(workers.list()) do
        all = all + (dict:get(worker.pid) or 0)
        own = own + (dict:get(worker.pid .. " " .. client) or 0)
    end
    return all, own
end

--- Why a body of `bytes` is refused while `all` bytes of `size` are promised, `own` of them to the same client: "share"
-- or "room"; nil where it is not refused. Half of what is free stays free, so that there is always room for a smaller
-- body.
function _M.refusal(bytes, all, own, size)
    if all == 0 then
        return nil
    elseif own > 0 and own + bytes > size / 2 then
        return "share"
    elseif bytes > (size - all) / 2 then
        return "room"
    end
end

--- The seconds within which a body of `bytes` must be whole.
function _M.seconds(bytes, given)
    return given.client_timeout + bytes / given.min_rate
end

local function refused_at_once(bytes, client)
    if room then
        local all, own = promised(client)
        return _M.refusal(bytes, all, own, room)
    end
end

--- Takes in the body of the request at hand. Returns nil when it is whole; otherwise the error (gate.error_page) with
-- which the request is refused. `most` is how many bytes a body of its service may have, nil where the service has no
-- limit of its own.
function _M.take_in(most)
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
    local bytes = tonumber(var.http_content_length) or most or settings.max_body
    local entry = { refused = refused_at_once(bytes, client) }
    entries[at_hand.number()] = entry
    if not entry.refused then
        entry.client, entry.bytes, entry.woken = client, bytes, woken
        entry.ends = ngx.now() + _M.seconds(bytes, settings)
        count(client, bytes)
        if exiting() and not looking then -- this worker has had its last tick
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

--- The request with this number keeps no body any more. Returns whether it was refused for its body.
function _M.leave(number)
    local entry = entries[number]
    if not entry then
        return false
    end
    if entry.bytes then
        count(entry.client, -entry.bytes)
        entry.bytes, entry.woken = nil, nil
    end
    return entry.refused ~= nil
end

--- The request with this number is over. Returns the same as leave().
function _M.over(number)
    if not entries[number] then
        return false
    end
    local is_refused = _M.leave(number)
    entries[number] = nil
    return is_refused
end

-- Wakes requests whose bodies are late, so that they are refused. A timer in the request itself would go off in
-- whatever the request has become: nginx may have answered it with an error meanwhile. Such a request has left, and is
-- not woken.
local function wake_the_late()
    local now = ngx.now()
    for _, entry in pairs(entries) do
        if entry.woken and entry.ends < now then
            entry.woken:post()
        end
    end
end

--- Runs each second. In a worker that is leaving this is the last tick: it goes on by itself for as long as bodies are
-- coming in.
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
