-- Is a slot up? Every peer of a slot that serves anybody is asked for its health path, by whichever worker's turn it
-- is, and must prove its version where the answer can. What came of it lies in shared memory; each worker reads it with
-- its tick, so that a request costs a look into a table.

local counters = require("bg.lib.counters")
local probe = require("bg.health.probe")
local verdict = require("bg.health.verdict")

local ngx = ngx
local max = math.max
local format, gsub, match, sub = string.format, string.gsub, string.match, string.sub
local pcall, tonumber = pcall, tonumber
local exiting = ngx.worker.exiting

local SLOTS = require("bg.lib.slots").SLOTS
local SOON = 0.25 -- seconds between two rounds that failed requests ask for
local KEPT = 5 -- rounds after which a record that nobody renews says nothing
local LINE = "^(%S) (%d+%.%d+) (%d+) (%S+) ?(.*)$"
local UP, WORDS = { ["1"] = true, ["0"] = false }, { [true] = "1", [false] = "0" }

local checks = {}
for _, slot in ipairs(SLOTS) do
    checks[slot] = {}
    for _, outcome in ipairs(verdict.OUTCOMES) do
        checks[slot][outcome] = counters.series("bgctl_health_checks_total", "slot", slot, "outcome", outcome)
    end
end

local dict = ngx.shared.bg_health
local settings, state
local peers = { blue = {}, green = {} }

-- `up`: slot -> true, false, or nil while that is not known.
local _M = { up = {} }

local summaries = { blue = {}, green = {} }

--- Begins; `given` are the settings (lib.settings), `routes()` gives the routing table, or nil.
function _M.init(given, routes)
    settings, state = given, routes
    for _, peer in ipairs(settings.peers) do
        table.insert(peers[peer.slot], peer)
    end
end

local function key_of(peer)
    return peer.slot .. " " .. peer.service
end

local function read(peer)
    local line = dict:get(key_of(peer))
    if not line then
        return nil
    end
    local up, since, bad, version, why = match(line, LINE)
    return { up = UP[up], since = tonumber(since), bad = tonumber(bad), version = version, why = why }
end

local function write(peer, record)
    local why = gsub(sub(record.why or "", 1, 200), "%c", " ")
    local line = format("%s %.3f %d %s %s", WORDS[record.up] or "-", record.since, record.bad, record.version, why)
    local ok, err = dict:safe_set(key_of(peer), line, KEPT * (settings.health_check + settings.health_timeout))
    if not ok then
        ngx.log(ngx.ERR, "cannot keep the health of ", key_of(peer), ": ", err)
    end
end

-- The version that a peer has to prove, or nil where its slot serves nobody.
local function wanted(peer)
    local routes = state()
    local slot = routes and routes.slots[peer.slot]
    return slot and slot.state ~= "maint" and slot.version or nil
end

-- The record of what its slot serves now; empty where there is none.
local function known(peer)
    local record = read(peer)
    return record and record.version == wanted(peer) and record or {}
end

local function tell(peer, was, now)
    if now.up == false and was.up ~= false then
        ngx.log(ngx.WARN, peer.slot, " is down: ", peer.service, " at ", peer.address, ": ", now.why)
    elseif now.up and was.up == false then
        ngx.log(ngx.WARN, peer.slot, " is up again: ", peer.service, " at ", peer.address)
    end
end

local function note(peer, version, fault)
    local was = known(peer)
    local now = verdict.judge(was, version, fault, settings.health_fails, ngx.now())
    write(peer, now)
    tell(peer, was, now)
end

local function check(peer, version)
    local answer, err = probe(peer, settings.health_timeout)
    local outcome, fault = "no_answer", err
    if answer then
        outcome, fault = verdict.outcome(answer, peer.proof, version)
    end
    if wanted(peer) == version then -- else the slot has moved on while it was asked
        counters.add(checks[peer.slot][outcome])
        note(peer, version, fault)
    end
end

-- One worker at a time asks a peer; should it die of that, its turn ends with its time limit.
local function check_alone(premature, peer)
    local version, busy = wanted(peer), "busy " .. key_of(peer)
    if not version then
        dict:delete(key_of(peer))
    elseif not premature and dict:add(busy, true, settings.health_timeout + 1) then
        local ok, err = pcall(check, peer, version)
        dict:delete(busy)
        if not ok then
            ngx.log(ngx.ERR, "health: ", err)
        end
    end
end

-- A timer for each: one that does not answer keeps no other one waiting.
local function round()
    for _, peer in ipairs(settings.peers) do
        ngx.timer.at(0, check_alone, peer)
    end
end

--- In every worker, as often as peers are to be asked: the first one takes the turn, and should it be gone, the next.
function _M.tick()
    if not exiting() and dict:add("turn", true, settings.health_check * 0.9) then
        round()
    end
end

--- A request has failed at a slot: rather look now. It marks nothing down by itself (decision record 17).
function _M.hurry()
    if dict:add("soon", true, SOON) then
        round()
    end
end

-- What is known of a slot: down with any of its peers, up with all of them; nothing where nobody is asked.
local function summary(name)
    local all = peers[name][1] and { up = true, since = 0 } or {}
    for _, peer in ipairs(peers[name]) do
        local record = known(peer)
        if record.up == false then
            return { up = false, since = record.since, why = peer.service .. ": " .. record.why }
        elseif not record.up then
            all = {}
        elseif all.up then
            all.since = max(all.since, record.since)
        end
    end
    return all
end

--- Reads what is known, with every tick of the state.
function _M.sync()
    for _, name in ipairs(SLOTS) do
        summaries[name] = summary(name)
        _M.up[name] = summaries[name].up
    end
end

--- What is known of a slot, for the control listener: `{up, since, why}`, each nil where it is not known.
function _M.of(name)
    return summaries[name]
end

return _M
