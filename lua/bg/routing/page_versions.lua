-- Which version a browser's pages and scripts came from: while its session moves from one version to the next, a tab
-- that still shows a page of the old one is served by the old one. A browser's list has a name, which its pin carries
-- from its very first page on, so that what is listed is all that it may have open. Lists are kept in memory that all
-- workers share; of what no longer fits, the least used is forgotten.

local base64url = require("bg.lib.base64url")
local crypto = require("bg.lib.crypto")
local counters = require("bg.lib.counters")

local ngx = ngx
local sub = string.sub

local FORGOTTEN = counters.series("bgctl_activity_forgotten_total")
local EPOCH = "pages_epoch"
local EPOCH_BYTES, NAME_BYTES = 6, 9

local dict = ngx.shared.bg_pages
local feed = ngx.shared.bg_feed -- where nothing is ever forgotten

local _M = {}

-- Names begin with the epoch: a list from before a restart, or from before a time in which nothing was noted, has gaps.
local epoch
local seconds -- for which a tab may stay open: as long as a token lives

--- Begins to keep lists, or stops (`keeps` false). A reload that goes on keeping them goes on with those there are.
-- `longest`: seconds that a token may live.
function _M.begin(keeps, longest)
    seconds = longest
    if keeps then
        feed:safe_add(EPOCH, base64url.encode(crypto.random(EPOCH_BYTES)))
    else
        feed:delete(EPOCH)
    end
    epoch = feed:get(EPOCH)
end

--- A name for the list of a browser that has no page yet; nil while no lists are kept. It follows from the session, so
-- that tabs which a browser restores all at once begin one list.
function _M.name(sid)
    return epoch and epoch .. base64url.encode(sub(ngx.md5_bin(sid), 1, NAME_BYTES)) or nil
end

--- The name of the list of a page that was the answer to a POST from another site: that has no browser's list, and is
-- kept whether or not others are. It may have gaps.
function _M.of_post(sid)
    return "~" .. sid -- no epoch begins so
end

--- Whether the list with this name (which may be nil) is kept, without a gap.
function _M.knows(name)
    return name ~= nil and epoch ~= nil and sub(name, 1, #epoch) == epoch
end

-- A name has no blank in it.
local function key_of(name, path)
    return ngx.md5_bin(name .. " " .. path)
end

--- The browser of list `name` got what is at `path` from `version`.
function _M.note(name, path, version)
    local _, _, forgotten = dict:set(key_of(name, path), version, seconds)
    if forgotten then
        counters.add(FORGOTTEN)
    end
end

--- The version from which it last got what is at `path`, or nil.
function _M.version(name, path)
    return dict:get(key_of(name, path))
end

return _M
