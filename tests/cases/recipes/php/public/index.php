<?php

declare(strict_types=1);

require __DIR__ . '/votes.php';

const VERSION = '1';

session_start();
$user = $_SESSION['user'] ?? null;

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    if (isset($_POST['name'])) {
        session_regenerate_id(true);
        $_SESSION['user'] = $_POST['name'];
        $_SESSION['token'] = bin2hex(random_bytes(16));
    } elseif (isset($_POST['out'])) {
        session_destroy();
    } elseif ($user && hash_equals($_SESSION['token'], $_POST['token'] ?? '')) {
        vote($user, $_POST['choice']);
    } else {
        http_response_code(403);
        exit('log in first');
    }
    header('Location: /', true, 303);
    exit;
}

$scheme = ($_SERVER['HTTPS'] ?? '') === 'on' ? 'https' : 'http';
?>
<!doctype html>
<html lang="en">
<title>Poll</title>
<link rel="icon" href="data:,">
<h1>Poll v<?= VERSION ?></h1>
<?php if ($user): ?>
<p>Hello <?= htmlspecialchars($user) ?>! You came by <?= $scheme ?>.</p>
<p><?= count_of('tea') ?> for tea, <?= count_of('coffee') ?> for coffee</p>
<form method="post">
  <input type="hidden" name="token" value="<?= $_SESSION['token'] ?>">
  <button name="choice" value="tea">tea</button><button name="choice" value="coffee">coffee</button>
</form>
<form method="post"><button name="out" value="1">log out</button></form>
<?php else: ?>
<form method="post"><input name="name" required><button>log in</button></form>
<?php endif ?>
</html>
