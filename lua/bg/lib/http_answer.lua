-- Reads an HTTP/1.1 answer piece by piece: its status line, its head, and a body that has a length, comes in chunks, or
-- ends with the connection. Each byte is looked at once, however small the pieces are: an app whose answers to health
-- checks are large must not take the worker's time from requests.

local byte, find, lower, match, sub = string.byte, string.find, string.lower, string.match, string.sub
local huge, max, min = math.huge, math.max, math.min
local concat = table.concat
local setmetatable, tonumber = setmetatable, tonumber

local MOST_HEAD = 65536
local MOST_LINE = 1024 -- bytes of the line before a chunk
local SPACE, TAB = 32, 9

local _M = {}
local Answer = {}
Answer.__index = Answer

--- The value of the header field `name` (in small letters) in a `head`; of the first such field where there are
-- several. nil where there is none.
function _M.field(head, name)
    local _, colon = find(lower(head), "\n" .. name .. ":", 1, true)
    local from = colon and find(head, "[^ \t]", colon + 1)
    local stop = from and find(head, "[\r\n]", from)
    if not stop then
        return nil
    end
    local last = stop - 1
    while last >= from and (byte(head, last) == SPACE or byte(head, last) == TAB) do
        last = last - 1
    end
    return sub(head, from, last)
end

--- An answer of which nothing has come yet; `add` gives it each piece. It has `status` and `head` once the head is
-- complete, `size` (bytes of the body so far), `is_whole`, and `is_broken` where it never will be whole. Its body is
-- kept only where `keeps_body`; otherwise it is counted.
function _M.new(keeps_body)
    return setmetatable({
        text = "", at = 1, size = 0, parts = keeps_body and {} or nil, is_whole = false, is_broken = false,
    }, Answer)
end

-- Takes what has come up to `last` as a part of the body.
local function keep(self, last)
    last = min(last, #self.text)
    if self.parts then
        self.parts[#self.parts + 1] = sub(self.text, self.at, last)
    end
    self.size = self.size + last - self.at + 1
    self.at = last + 1
end

-- Reads the head, and says whether it is complete. `at` is where the search for its end goes on.
local function read_head(self)
    local stop, body_at = match(self.text, "()\r?\n\r?\n()", self.at)
    if not stop then
        self.at = max(1, #self.text - 2)
        self.is_broken = #self.text > MOST_HEAD
        return false
    end
    local status = match(self.text, "^HTTP/1%.[01] (%d%d%d)[ \r\n]")
    if not status then
        self.is_broken = true
        return false
    end
    self.status, self.head, self.at = tonumber(status), sub(self.text, 1, stop), body_at
    local head = lower(self.head)
    self.is_chunked = find(head, "\ntransfer%-encoding:[^\n]*chunked") ~= nil
    self.length = tonumber(match(head, "\ncontent%-length:[ \t]*(%d+)"))
    return true
end

-- Reads the size in the line before a chunk. Whether a chunk follows that has to be read.
local function read_size(self)
    local stop = find(self.text, "\n", self.at, true)
    if not stop then
        self.is_broken = #self.text - self.at >= MOST_LINE
        return false
    end
    local digits = match(sub(self.text, self.at, min(stop, self.at + MOST_LINE)), "^%x+")
    local size = digits and tonumber(digits, 16)
    self.is_broken, self.is_whole = not size, size == 0
    self.chunk, self.at = size, stop + 1
    return size ~= nil and size > 0
end

-- Reads chunks as far as they have come. `chunk` is how many bytes of the present one are missing, not counting the
-- line end after it.
local function read_chunks(self)
    while self.at <= #self.text do
        if not self.chunk and not read_size(self) then
            return
        end
        local last = self.at + self.chunk - 1
        self.chunk = self.chunk - max(0, min(last, #self.text) - self.at + 1)
        keep(self, last)
        if self.chunk > 0 or #self.text < self.at + 1 then
            return
        end
        self.chunk, self.at = nil, self.at + 2
    end
end

--- Takes the next piece. `is_closed`: the connection has ended with it.
function Answer:add(piece, is_closed)
    if self.is_whole or self.is_broken then
        return
    end
    self.text = self.text .. piece
    if not self.head and not read_head(self) then
        return
    end
    if self.is_chunked then
        read_chunks(self)
    else
        keep(self, self.at + (self.length or huge) - self.size - 1)
        self.is_whole = self.length and self.size >= self.length or not self.length and is_closed or false
    end
    self.text, self.at = sub(self.text, self.at), 1
end

--- The body as far as it has come, where it is kept.
function Answer:body()
    return concat(self.parts)
end

return _M
