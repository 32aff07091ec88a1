-- Knows which slot is up. Every peer of a slot in service is asked for its health path, by one worker at a time, and
-- has to prove its version where its answer can. The results lie in shared memory; each worker reads them with its
-- tick, so that a request only looks into a table.

local counters = require("bg.lib.counters")
local probe = require("bg.health.probe")
local slots = require("bg.lib.slots")
local verdict = require("bg.health.verdict")

local ngx = ngx
local max = math.max
local format, gsub, match, sub = string.format, string.gsub, string.match, string.sub
local pcall, tonumber = pcall, tonumber
local exiting = ngx.worker.exiting

local SLOTS = slots.SLOTS
local SOON = 0.25 -- seconds: no more often do failed requests lead to a round of checks
local KEPT = 5 -- rounds for which a record counts that is not renewed
-- Whether it is up, since when, bad answers in a row, the version, and why it is not up.
local LINE = "^(%S) (%d+%.%d+) (%d+) (%S+) ?(.*)$"
local NONE = {}
local UP, WORDS = { ["1"] = true, ["0"] = false }, { [true] = "1", [false] = "0" }

local checks = {}
for _, slot in ipairs(SLOTS) do
    checks[slot] = {}
    for _, outcome in ipairs(verdict.OUTCOMES) do
        checks[slot][outcome] = counters.series("bgctl_health_checks_total", slot, outcome)
    end
end

local dict = ngx.shared.bg_health
local settings
local current -- function: the routing table in force (routing.routing_table), or nil
local groups = { blue = {}, green = {} } -- slot -> the peers of each of its services, as the settings have them
local blues = {} -- service -> its peers in blue
local summaries = { blue = {}, green = {} } -- slot -> what this worker last read of it

-- `up`: slot -> true, false, or nil while that is not known. `down`: address of a peer -> true, where it is down, or
-- where it is not known whether it is up, and another one of its service is.
local _M = { up = {}, down = {} }

--- Begins with these settings (lib.settings). `routing()` gives the routing table in force, or nil.
function _M.init(given, routing)
    settings, current = given, routing
    local known = {}
    for _, peer in ipairs(settings.peers) do
        local name = peer.slot .. " " .. peer.service
        if not known[name] then
            known[name] = { service = peer.service }
            table.insert(groups[peer.slot], known[name])
        end
        table.insert(known[name], peer)
        peer.group = known[name]
    end
    for _, group in ipairs(groups.blue) do
        blues[group.service] = group
    end
end

local function key_of(peer)
    return peer.slot .. " " .. peer.address
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

-- The slot in service of which a peer is, or nil. A service that the release leaves unchanged has blue's peers, and
-- those are in service for as long as one of the slots is.
local function place_of(peer, routing)
    local slot = routing.slots[peer.slot]
    if not routing.unchanged[peer.service] then
        return slot
    elseif peer.slot == "blue" then
        return slot.state ~= "maint" and slot or routing.slots.green
    end
end

-- The version that a peer has to prove, or nil where it is out of service.
local function wanted(peer)
    local routing = current()
    local slot = routing and place_of(peer, routing)
    return slot and slot.state ~= "maint" and slot.version or nil
end

-- The record (health.verdict) of a peer, empty where there is none of the version that its slot serves now.
local function known(peer)
    local record = read(peer)
    return record and record.version == wanted(peer) and record or {}
end

-- Logs that a peer has gone down, or has come up again.
local function tell(peer, was, now)
    local of = peer.node and "a spare of " or #peer.group > 1 and "a replica of " or ""
    local what = of .. peer.slot
    if now.up == false and was.up ~= false then
        ngx.log(ngx.WARN, what, " is down: ", peer.service, " at ", peer.address, ": ", now.why)
    elseif now.up and was.up == false then
        ngx.log(ngx.WARN, what, " is up again: ", peer.service, " at ", peer.address)
    end
end

-- Keeps what came of one check.
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
    if wanted(peer) == version then -- otherwise the slot has got another version while its peer was asked
        counters.add(checks[peer.slot][outcome])
        note(peer, version, fault)
    end
end

-- Asks a peer unless another worker is asking it. Should this worker die meanwhile, its turn ends with the time limit.
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

-- Asks every peer. Each check has a timer of its own, so that a peer that does not answer delays no other check.
local function round()
    for _, peer in ipairs(settings.peers) do
        ngx.timer.at(0, check_alone, peer)
    end
end

--- Runs in every worker, as often as peers are to be asked. The worker that comes first takes the turn, so that checks
-- go on when a worker is gone.
function _M.tick()
    if not exiting() and dict:add("turn", true, settings.health_check * 0.9) then
        round()
    end
end

--- A request has failed at a slot: its peers are checked now rather than with the next turn. The failed request itself
-- marks nothing as down (decision record 17).
function _M.hurry()
    if dict:add("soon", true, SOON) then
        round()
    end
end

-- What is known of the peers of one service in a slot, `{up, since, why}` (health.verdict). Adds those of this node
-- that are down to `passed`, where there are others in their place. One of which nothing is known yet gets nothing,
-- either, while another one is up: it may be about to start.
local function of_group(group, passed)
    local records, is_any_up = {}, false
    for i, peer in ipairs(group) do
        records[i] = known(peer)
        is_any_up = is_any_up or records[i].up == true
    end
    for i, peer in ipairs(group) do
        local record = records[i]
        _M.down[peer.address] = record.up == false or (record.up == nil and is_any_up) or nil
        if record.up == false and #group > 1 and not peer.node then
            passed[#passed + 1] = { address = peer.address, why = record.why }
        end
    end
    return verdict.together(records)
end

-- What is known of a slot, `{up, since, why, passed}`: it is down with any of its services, and up when all of them
-- are. Empty where it has no peers, or where that is not known, but for `passed`: the replicas that are down, a list of
-- `{address, why}`. Where the containers of other nodes stand in for its own, it is up.
local function summary(name)
    local passed = {}
    local all = groups[name][1] and { up = true, since = 0 } or {}
    local unchanged = current() and current().unchanged or NONE
    for _, group in ipairs(groups[name]) do
        group = unchanged[group.service] and blues[group.service] or group
        local found = of_group(group, passed)
        if found.up == false and all.up ~= false then
            local several = #group > 1 and "all " .. #group .. " replicas, the last of them: " or ""
            all = { up = false, since = found.since, why = group[1].service .. ": " .. several .. found.why }
        elseif found.up == nil and all.up then
            all = {}
        elseif all.up then
            all.since = max(all.since, found.since)
        end
    end
    all.passed = passed
    return all
end

--- Reads what all workers have found; runs with every tick of the state.
function _M.sync()
    for _, name in ipairs(SLOTS) do
        summaries[name] = summary(name)
        _M.up[name] = summaries[name].up
    end
end

--- What is known of a slot, for the control listener: `{up, since, why}`, each nil where it is not known, and `passed`,
-- the replicas that are down, each `{address, why}`.
function _M.of(name)
    return summaries[name]
end

return _M
