from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collector', '0004_ancestors'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='portruntime',
            index=models.Index(condition=models.Q(('transition_4_at__isnull', False)), fields=['transition_4_at'], name='collector_port_restless'),
        ),
    ]
