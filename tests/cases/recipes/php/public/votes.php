<?php

declare(strict_types=1);

function votes(): PDO
{
    static $db = null;
    if ($db === null) {
        $db = new PDO('sqlite:/data/votes.sqlite', options: [PDO::ATTR_TIMEOUT => 10]);
        $db->exec('CREATE TABLE IF NOT EXISTS votes (user TEXT PRIMARY KEY, choice TEXT NOT NULL)');
    }
    return $db;
}

function vote(string $user, string $choice): void
{
    votes()->prepare('INSERT OR REPLACE INTO votes VALUES (?, ?)')->execute([$user, $choice]);
}

function count_of(string $choice): int
{
    $found = votes()->prepare('SELECT COUNT(*) FROM votes WHERE choice = ?');
    $found->execute([$choice]);
    return (int) $found->fetchColumn();
}
