-- Remembers values by text, a bounded number of them, in no more memory than they take. What was not asked for while as
-- many others came goes first. (lua-resty-lrucache, in the order of use, takes all its memory when it is made: six of
-- them were half of what an idle worker took.)

local huge = math.huge
local setmetatable = setmetatable

local _M = {}
local TwoAges = {}
TwoAges.__index = TwoAges

--- A memory of `most` values at most, and of `most` / 2 at least where there were so many. `most_bytes` bounds their
-- texts together; nil: these are short.
function _M.new(most, most_bytes)
    return setmetatable({
        half = most / 2, half_bytes = (most_bytes or huge) / 2, count = 0, bytes = 0, young = {}, old = {},
    }, TwoAges)
end

--- Remembers `value` under `text`.
function TwoAges:set(text, value)
    if self.young[text] == nil then
        if self.count >= self.half or self.bytes >= self.half_bytes then
            self.old, self.young, self.count, self.bytes = self.young, {}, 0, 0
        end
        self.count, self.bytes = self.count + 1, self.bytes + #text
    end
    self.young[text] = value
end

-- What is old, and asked for again, is young.
local function find_old(self, text)
    local value = self.old[text]
    if value ~= nil then
        self.old[text] = nil
        self:set(text, value)
    end
    return value
end

--- The value under `text`, or nil.
function TwoAges:get(text)
    local value = self.young[text]
    if value == nil then
        return find_old(self, text)
    end
    return value
end

--- Forgets what is under `text`.
function TwoAges:drop(text)
    self.young[text], self.old[text] = nil, nil
end

return _M
