-- Remembers of which version a browser's pages and scripts are: while a session moves from one version to the next, a
-- tab that still shows a page of the old version is served by the old one. Each browser has a list, whose name its pin
-- carries from its very first page on, so that everything it may have open is on the list. Lists are kept in memory
-- that all workers share; where memory runs short, the least used entry is forgotten.

local base64url = require("bg.lib.base64url")
local counters = require("bg.lib.counters")
local crypto = require("bg.lib.crypto")

local ngx = ngx
local sub = string.sub

local FORGOTTEN = counters.series("bgctl_activity_forgotten_total")
local EPOCH = "pages_epoch" -- the key of what names of lists begin with
local EPOCH_BYTES, NAME_BYTES = 6, 9

local dict = ngx.shared.bg_pages
local feed = ngx.shared.bg_feed -- memory in which nothing is ever forgotten

local _M = {}

-- Names of lists begin with the epoch, which changes with a restart and with each time in which no lists were kept:
-- older lists have gaps.
local epoch
local seconds -- for which an entry is kept: a tab may stay open for as long as a token lives

--- Begins to keep lists, or stops (`keeps` is false). After a reload the lists go on. `longest`: seconds for which a
-- token may live.
function _M.begin(keeps, longest)
    seconds = longest
    if keeps then
        feed:safe_add(EPOCH, base64url.encode(crypto.random(EPOCH_BYTES)))
    else
        feed:delete(EPOCH)
    end
    epoch = feed:get(EPOCH)
end

--- A name for the list of a browser that has no page yet; nil while no lists are kept. The name follows from the
-- session's sid, so that tabs which a browser restores all at once begin one list.
function _M.name(sid)
    return epoch and epoch .. base64url.encode(sub(ngx.md5_bin(sid), 1, NAME_BYTES)) or nil
end

--- The name of the list for pages that were answers to POSTs from another site: these are on no browser's list. It is
-- kept even while other lists are not, and may have gaps.
function _M.of_post(sid)
    return "~" .. sid -- no epoch begins so
end

--- Whether the list with this name (which may be nil) is kept, and has no gap.
function _M.knows(name)
    return name ~= nil and epoch ~= nil and sub(name, 1, #epoch) == epoch
end

-- A name has no blank in it.
local function key_of(name, path)
    return ngx.md5_bin(name .. " " .. path)
end

--- Notes that the browser of the list `name` got what is at `path` from `version`.
function _M.note(name, path, version)
    local _, _, forgotten = dict:set(key_of(name, path), version, seconds)
    if forgotten then
        counters.add(FORGOTTEN)
    end
end

--- The version from which that browser last got what is at `path`, or nil.
function _M.version(name, path)
    return dict:get(key_of(name, path))
end

return _M
